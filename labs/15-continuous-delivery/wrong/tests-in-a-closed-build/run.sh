sed -i 's/^USER /RUN --network=none python3 -m unittest\nUSER /' parcel/Dockerfile
cd parcel
git init --quiet
git add .
git commit --quiet --message "Parcel 1.0"
git remote add origin git://runner/parcel.git
git push origin main
