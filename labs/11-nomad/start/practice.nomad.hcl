# A job to practise with: one copy of Parcel on port 9090. It says what to run, but not when a copy is healthy.
variable "version" {
  default = "1.0"
}

variable "bind" {
  default = "0.0.0.0"
}

job "practice" {
  group "practice" {
    count = 1

    # Before a copy stops, Nomad removes its address from the list; one second later it asks the copy to end.
    shutdown_delay = "1s"

    network {
      port "http" {
        static = 9090
        to     = 8080
      }
    }

    service {
      provider = "nomad"
      name     = "practice"
      port     = "http"
    }

    update {
      min_healthy_time  = "2s"
      healthy_deadline  = "10s"
      progress_deadline = "20s"
    }

    task "parcel" {
      driver = "docker"

      config {
        image = "drydock/parcel:${var.version}"
        ports = ["http"]
      }

      env {
        PARCEL_BIND = var.bind
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
