# Parcel for everybody: two copies, on two clients, on port 8080 of each.
variable "version" {
  type = string
}

job "parcel" {
  group "parcel" {
    count = 2

    constraint {
      operator = "distinct_hosts"
      value    = "true"
    }

    # A copy that is to stop is taken from the list of addresses first, and told to end a second later.
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

      # A copy is healthy when it answers that it is ready, and not merely when its process runs.
      check {
        type     = "http"
        path     = "/readyz"
        interval = "1s"
        timeout  = "1s"
      }
    }

    update {
      health_check      = "checks"
      canary            = 1
      max_parallel      = 2
      min_healthy_time  = "3s"
      healthy_deadline  = "60s"
      progress_deadline = "120s"
      auto_revert       = true
    }

    task "parcel" {
      driver = "docker"

      config {
        image        = "drydock/parcel:${var.version}"
        network_mode = "host"
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
