cd parcel
git init --quiet
git add .
git commit --quiet --message "Parcel 1.0"
git remote add origin git://runner/parcel.git
git push origin main
# Until users have it, and the pipeline is right about that.
for machine in production-1 production-2; do
    timeout 60 sh -c "until curl -sf http://$machine:8080/; do sleep 0.5; done"
done
