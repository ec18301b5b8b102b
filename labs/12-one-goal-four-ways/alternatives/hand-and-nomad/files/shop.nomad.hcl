# Parcel on Nomad: what is wanted.
variable "release" {
  default = "1.0"
}

job "shop" {
  group "parcel" {
    count = 2

    # Before a copy stops, Nomad removes its address from the list; one second later it asks the copy to end.
    shutdown_delay = "1s"

    network {
      port "http" {
        static = 8080
      }
    }

    service {
      provider = "nomad"
      name     = "parcel"
      port     = "http"

      check {
        type     = "http"
        path     = "/readyz"
        interval = "1s"
        timeout  = "1s"
      }
    }

    # One copy of a new version on the free client first; each of the others follows when the one before is healthy.
    update {
      canary            = 1
      auto_promote      = true
      max_parallel      = 1
      min_healthy_time  = "3s"
      healthy_deadline  = "20s"
      progress_deadline = "40s"
    }

    task "parcel" {
      driver = "docker"

      config {
        image = "drydock/parcel:${var.release}"
        ports = ["http"]
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
