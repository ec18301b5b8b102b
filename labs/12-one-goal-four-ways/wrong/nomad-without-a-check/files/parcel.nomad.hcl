# Parcel on Nomad: what is wanted.
variable "release" {
  default = "1.0"
}

job "parcel" {
  group "parcel" {
    count = 2

    network {
      port "http" {
        static = 8080
      }
    }

    # All at once, and healthy as soon as it runs.
    update {
      max_parallel     = 2
      health_check     = "task_states"
      min_healthy_time = "0s"
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
