# A Nomad server: the control plane. One is enough for a lab; three or five are usual where it matters.
data_dir   = "/var/lib/nomad"
bind_addr  = "0.0.0.0"
log_level  = "WARN"

# The address under which the others reach this machine; it has others, for its containers.
advertise {
  http = "{{ GetInterfaceIP \"eth0\" }}"
  rpc  = "{{ GetInterfaceIP \"eth0\" }}"
  serf = "{{ GetInterfaceIP \"eth0\" }}"
}

server {
  enabled          = true
  bootstrap_expect = 1

  # How soon a silent client counts as lost. A client is asked to report within 2 to 4 s (usually 10 to 20 s), and
  # given 4 s more (usually 10 s); then its work is placed elsewhere. A cluster with thousands of clients, or with
  # a poor line to them, takes longer times: whoever is declared lost too early has everything started twice.
  min_heartbeat_ttl = "2s"
  heartbeat_grace   = "4s"
  # The same after the server itself was away (usually 5 minutes).
  failover_heartbeat_ttl = "20s"

  # What was deployed, and how, is still known on another day (usually an hour), and after many tries (usually six).
  job_tracked_versions    = 60
  deployment_gc_threshold = "720h"
  job_gc_threshold        = "720h"
  eval_gc_threshold       = "720h"
}

# A lab must not call home.
disable_update_check = true
