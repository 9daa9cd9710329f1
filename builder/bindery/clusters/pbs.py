"""PBS: ``qsub`` takes jobs, ``qstat`` lists them, ``qdel`` ends them.

Its commands know jobs by number only, so names are looked up in the list. Source: OpenPBS 23.06, qstat(1B), default
display: job id, name (15 characters at most), user, time, state, queue. Finished jobs, which Torque still shows, do not
count.
"""

from bindery.clusters.batch_queue import BatchQueue
from bindery.sif.sites import QUEUE_PROGRAMS

_FIND = """\
listed=$(qstat) || exit 1
printf '%s\\n' "$listed" | while read -r job name user time state rest; do
    if [ "$name" = "$1" ] && [ "$state" != C ] && [ "$state" != F ]; then
        {act}
    fi
done
"""

PBS = BatchQueue(
    kind="pbs",
    title="PBS",
    programs=QUEUE_PROGRAMS["pbs"],
    listing=("/bin/sh", "-c", _FIND.replace("{act}", 'echo "${job%%.*}"'), "qstat", "{name}"),
    cancelling=("/bin/sh", "-c", _FIND.replace("{act}", 'qdel "${job%%.*}" || :'), "qdel", "{name}"),
)
