# Parcel for everybody, in a namespace of its own: two copies, on two clients, on port 8080 of each.
job "parcel" {
  namespace = "shop"

  group "parcel" {
    count = 2

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

    # One copy of a new version on the free client first; the others follow when it was promoted, one after the other.
    update {
      canary            = 1
      max_parallel      = 1
      min_healthy_time  = "3s"
      healthy_deadline  = "60s"
      progress_deadline = "120s"
      auto_revert       = true
    }

    # Runs before each copy, of whichever version that is, and ends.
    task "prepare" {
      driver = "docker"

      lifecycle {
        hook = "prestart"
      }

      config {
        image   = "drydock/parcel:1.0"
        command = "python3"
        args    = ["-c", "print('ready to begin')"]
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }

    task "parcel" {
      driver = "docker"

      config {
        image = "docker.io/drydock/parcel:2.0"
        ports = ["http"]
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
