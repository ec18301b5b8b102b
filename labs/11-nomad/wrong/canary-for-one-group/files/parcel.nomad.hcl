job "parcel" {
  group "blue" {
    count = 1

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

    task "parcel" {
      driver = "docker"

      config {
        image = "drydock/parcel:2.0"
        ports = ["http"]
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }

  group "green" {
    count = 1

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
      max_parallel      = 1
      min_healthy_time  = "3s"
      healthy_deadline  = "60s"
      progress_deadline = "120s"
      auto_revert       = true
    }

    task "parcel" {
      driver = "docker"

      config {
        image = "drydock/parcel:2.0"
        ports = ["http"]
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
