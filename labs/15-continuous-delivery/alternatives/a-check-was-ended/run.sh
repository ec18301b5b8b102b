cd parcel
git init --quiet
git add .
git commit --quiet --message "Parcel 1.0"
git remote add origin git://runner/parcel.git
git push origin main
# What a check leaves that could not put main back: a commit of its own, which the pipeline refuses.
git clone --quiet git://runner/parcel.git /tmp/left
cd /tmp/left
sed -i 's/{"cents": price(/{"cents": 1e-2 * price(/' parcel.py
git commit --quiet --all --message "Pushed by lab check"
git push origin main
