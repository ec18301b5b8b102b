# A Nomad client: a machine that runs what the server places on it, by the engine beside it.
data_dir   = "/var/lib/nomad"
bind_addr  = "0.0.0.0"
log_level  = "WARN"

advertise {
  http = "{{ GetInterfaceIP \"eth0\" }}"
  rpc  = "{{ GetInterfaceIP \"eth0\" }}"
  serf = "{{ GetInterfaceIP \"eth0\" }}"
}

client {
  enabled = true
  servers = ["server:4647"]
  # Ports of a job are published on this interface, which the lab's network is on.
  network_interface = "eth0"
  # Containers of one machine share that machine's id; each client makes one of its own and keeps it in data_dir.
  no_host_uuid = true

  # What a job can ask for here. Told rather than found out: containers see the whole machine's processors and
  # memory, once for each of them, and not every system tells a processor's speed.
  cpu_total_compute = 2000
  memory_total_mb   = 2048

  # Nor is it asked which cloud it might be in, or for programs that no lab has: that takes seconds.
  options = {
    "fingerprint.denylist" = "consul,vault,env_aws,env_azure,env_digitalocean,env_gce"
  }
}

# The engine of this very machine. Images are in it already (`lab start` brings them), and stay there when nothing
# runs from them at the moment.
plugin "docker" {
  config {
    endpoint = "unix:///run/docker.sock"
    gc {
      image = false
    }
  }
}

disable_update_check = true
