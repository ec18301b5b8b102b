sh open.sh
ssh -n rented 'ssh-keygen -q -t ed25519 -N "" -f .ssh/id_ed25519 && cat .ssh/id_ed25519.pub >> .ssh/authorized_keys'
scp rented:.ssh/id_ed25519 ~/.ssh/mine
sed -i 's,IdentityFile.*,IdentityFile ~/.ssh/mine,' ~/.ssh/config
