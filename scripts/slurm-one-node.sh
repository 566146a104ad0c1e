#!/usr/bin/env bash
# A Slurm of one node on this machine, for the tests: munged, slurmctld and slurmd, with everything
# that they write in one temporary folder. Prints the line that makes programs use it.
#
#   eval "$(scripts/slurm-one-node.sh start)"
#   scripts/slurm-one-node.sh stop
set -euo pipefail

folder=${FIELDSCOPE_SLURM_FOLDER:-${TMPDIR:-/tmp}/fieldscope-slurm-$(id -u)}
export PATH=$PATH:/usr/sbin:/sbin
export SLURM_CONF=$folder/slurm.conf

say() { printf 'slurm-one-node: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

answers() { [[ -f $SLURM_CONF ]] && timeout 10 sinfo --noheader >/dev/null 2>&1; }

# A port that nothing listens on.
free_port() {
    local port
    for ((port = $1; port < $1 + 500; port += 7)); do
        if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail "no free port from $1 on"
}

write_configuration() {
    local user memory
    user=$(id -un)
    memory=$(awk '/^MemTotal:/ { print int($2 / 1024 * 0.9) }' /proc/meminfo)
    cat >"$SLURM_CONF" <<CONFIGURATION
ClusterName=fieldscope
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$(free_port 16817)
SlurmdPort=$(free_port 26818)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=5,bf_interval=5,batch_sched_delay=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
NodeName=node NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=tests Nodes=node Default=YES MaxTime=INFINITE State=UP
CONFIGURATION
}

start() {
    local program missing=()
    for program in munged slurmctld slurmd sbatch squeue; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    if ((${#missing[@]})); then
        fail "not installed: ${missing[*]} (Debian: apt-get install slurm-wlm munge)"
    fi
    if answers; then
        say "it runs already, in $folder"
        printf 'export SLURM_CONF=%q\n' "$SLURM_CONF"
        return
    fi
    stop
    [[ -z $(ls -A "$folder" 2>/dev/null) ]] || fail "$folder holds something else"
    mkdir -p "$folder"/{state,spool}
    chmod 755 "$folder"
    write_configuration
    (umask 077 && head -c 1024 /dev/urandom >"$folder/munge.key")
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
        --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" \
        --seed-file="$folder/munged.seed" 2>"$folder/munged.err" ||
        fail "munged doesn't start: $(tail -n 2 "$folder/munged.err" "$folder/munged.log" 2>&1)"
    slurmctld -f "$SLURM_CONF" -c || fail "slurmctld doesn't start: $(tail -n 2 "$folder/slurmctld.log")"
    slurmd -f "$SLURM_CONF" -N node || fail "slurmd doesn't start: $(tail -n 2 "$folder/slurmd.log")"
    local try
    for ((try = 0; try < 60; try++)); do
        if [[ $(timeout 10 sinfo --noheader --format=%t 2>/dev/null) == idle* ]]; then
            printf 'export SLURM_CONF=%q\n' "$SLURM_CONF"
            return
        fi
        sleep 0.5
    done
    fail "the node doesn't become idle; see $folder/slurmctld.log and $folder/slurmd.log"
}

# Ends its jobs and the programs whose ids the folder holds, and removes it.
stop() {
    local name pid try
    [[ -f $SLURM_CONF ]] || return 0
    if answers; then
        timeout 10 scancel --user="$(id -un)" || say "its jobs can't be ended"
        for ((try = 0; try < 100; try++)); do
            [[ -n $(timeout 10 squeue --noheader) ]] || break
            sleep 0.1
        done
    fi
    for name in slurmd slurmctld munged; do
        [[ -f $folder/$name.pid ]] || continue
        pid=$(<"$folder/$name.pid")
        # A number of an earlier day may be another program's by now.
        [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$name" ]] || continue
        kill "$pid" || continue
        for ((try = 0; try < 50; try++)); do
            [[ -d /proc/$pid ]] || break
            sleep 0.1
        done
    done
    rm -rf "$folder"
}

case ${1:-} in
start) start ;;
stop) stop ;;
*) fail "give start or stop" ;;
esac
