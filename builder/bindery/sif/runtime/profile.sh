# /etc/profile sets PATH anew; in Singularity it is what `exec` has.
if [ -n "${SINGULARITY_CONTAINER:-}" ]; then
    . /.singularity.d/env/10-docker2singularity.sh
fi

# In Singularity the home is the host's. A login shell would go on with the profile in it, which puts the host's
# programs first; so bash starts again, with the same words and all that /etc/profile said, and leaves it out.
if [ -n "${BASH_VERSION:-}" ] && [ -n "${SINGULARITY_CONTAINER:-}" ] && shopt -q login_shell; then
    mapfile -d '' -t BINDERY_WORDS <"/proc/$$/cmdline"
    exec -a "${BINDERY_WORDS[0]}" "$BASH" --noprofile "${BINDERY_WORDS[@]:1}"
fi
