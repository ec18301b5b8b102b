nomad job run -detach parcel.nomad.hcl
