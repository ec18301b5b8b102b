for n in 1 2 3 4; do
    docker -H tcp://host-$n:2375 run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=parcel-$n drydock/parcel:1.0
done
engine="docker -H tcp://host-5:2375"
$engine run -d --name draft drydock/parcel:1.0
$engine exec --user root draft sed -i 's/"service": "parcel"/"service": "parcel", "seen": "twice"/' /app/parcel.py
$engine commit draft parcel:mine
$engine rm -f draft
$engine run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=parcel-5 parcel:mine
