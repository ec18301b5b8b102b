docker stack deploy --detach=false --compose-file stack.yaml shop
# The same file with another tag is the next order.
sed -i 's,parcel:1.0,parcel:2.0,' stack.yaml
docker stack deploy --detach=false --compose-file stack.yaml shop
