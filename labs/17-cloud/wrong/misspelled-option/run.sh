sh open.sh
