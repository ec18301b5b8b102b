sh ways.sh
sh wrap.sh
sh try.sh
