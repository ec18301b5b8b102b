# For every interactive shell in the toolbox.
[ -z "${PS1:-}" ] && return
# Docker Engine 29 that starts containerd itself gives each exec a umask of 0, and ssh refuses such files.
umask 022
shopt -s checkwinsize histappend

# In a terminal that shows colours: the lab in cyan, the folder in blue.
if [ -n "${NO_COLOR:-}" ] || [ "${TERM:-dumb}" = dumb ]; then
    PS1='lab ${DRYDOCK_LAB:-?} \W \$ '
else
    PS1='\[\e[36m\]lab ${DRYDOCK_LAB:-?}\[\e[0m\] \[\e[34m\]\W\[\e[0m\] \$ '
    alias ls='ls --color=auto' grep='grep --color=auto'
fi
alias ll='ls -l'
