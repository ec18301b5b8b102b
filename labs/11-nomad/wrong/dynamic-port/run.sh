nomad job run parcel.nomad.hcl
