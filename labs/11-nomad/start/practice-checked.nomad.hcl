# The same job, which also says when a copy is healthy and how to release a new version.
variable "version" {
  default = "1.0"
}

variable "bind" {
  default = "0.0.0.0"
}

variable "canaries" {
  default = 0
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

      check {
        type     = "http"
        path     = "/readyz"
        interval = "1s"
        timeout  = "1s"
      }
    }

    update {
      auto_revert       = true
      canary            = var.canaries
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
