#!/bin/bash -l
# Starts the container's command as repo2docker's entrypoint does, without a Python of its own:
# - in a login shell, so that what /etc/profile.d and the user's profile say is known;
# - through the repository's script `start`, if there is one (R2D_ENTRYPOINT);
# - every signal is passed on, and its status is the container's;
# - what it writes is shown, and kept in .jupyter-server-log.txt where that can be written.

if [[ -n ${BINDERY_WITHDRAWN:-} ]]; then
    printf '%s\n' "$BINDERY_WITHDRAWN" >&2
fi

# A hub, or `docker run --user`, may start the container as somebody who has no home here.
if [[ ! -d ${HOME:-} || ! -w $HOME ]]; then
    home=$(mktemp -d "${TMPDIR:-/tmp}/home-$(id -u)-XXXXXX") || exit 1
    printf '%s\n' "${HOME:-HOME} cannot be written; HOME is $home" >&2
    export HOME=$home
fi

if [[ -n ${R2D_ENTRYPOINT:-} ]]; then
    set -- "$R2D_ENTRYPOINT" "$@"
fi

# Somebody sits in front of a terminal: nothing may stand in between.
if [[ -t 1 ]]; then
    exec "$@"
fi

log=
for folder in "${REPO_DIR:-.}" . "${TMPDIR:-/tmp}"; do
    if { : >>"$folder/.jupyter-server-log.txt"; } 2>/dev/null; then
        log=$folder/.jupyter-server-log.txt
        break
    fi
done

tee=
if [[ -n $log ]]; then
    # It lives until the last line is written, whatever signal ends the rest. A full disk ends the log only.
    exec > >(
        trap '' HUP INT QUIT TERM USR1 USR2
        exec tee -a -- "$log" 2>/dev/null
    ) 2>&1
    tee=$!
fi

child=
for name in HUP INT QUIT TERM USR1 USR2 WINCH; do
    trap '[[ -n $child ]] && kill -s '"$name"' -- "$child" 2>/dev/null' "$name"
done

# In a group of its own, since a shell without job control has its background ignore interrupts.
set -m
"$@" <&0 &
child=$!
while :; do
    wait "$child"
    status=$?
    # A signal ends the wait as well.
    kill -0 "$child" 2>/dev/null || break
done
wait "$child" 2>/dev/null
last=$?
if ((last != 127)); then
    status=$last
fi

exec >&- 2>&-
# Daemons that the command left behind may keep the pipe open for ever.
for _ in {1..40}; do
    [[ -n $tee ]] && kill -0 "$tee" || break
    sleep 0.05
done 2>/dev/null
exit "$status"
