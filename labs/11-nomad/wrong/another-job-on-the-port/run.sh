sed 's/job "parcel"/job "shop"/; s/count = 2/count = 1/' parcel.nomad.hcl > shop.nomad.hcl
nomad job run shop.nomad.hcl
nomad job run parcel.nomad.hcl
