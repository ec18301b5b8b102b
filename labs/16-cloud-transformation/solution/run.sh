sh ways.sh
sh wrap.sh
sh move.sh
