#!/usr/bin/env bash
# A Slurm of one node on this machine, for the tests: munged, slurmctld and slurmd, with everything
# that they write in one temporary folder. Prints the line that makes programs use it. With
# --accounting, what has ended is kept for sacct: by slurmdbd, in a mariadbd that has no port.
#
#   eval "$(scripts/slurm-one-node.sh start [--accounting])"
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

# Gives up where programs aren't there; the first argument are the packages that hold them.
require() {
    local packages=$1 program missing=()
    shift
    for program; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    ((${#missing[@]} == 0)) || fail "not installed: ${missing[*]} (Debian: apt-get install $packages)"
}

answers() { [[ -f $SLURM_CONF && -f $folder/slurmctld.pid ]] && timeout 10 sinfo --noheader >/dev/null 2>&1; }

# Whether a program runs: one that has ended can have its number until its parent asks for it.
runs() { [[ -d /proc/$1 ]] && ! grep -qs '^State:.*zombie' "/proc/$1/status"; }

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
    local user memory storage
    user=$(id -un)
    storage=none
    [[ -z $accounting ]] || storage=slurmdbd
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
AccountingStorageType=accounting_storage/$storage
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$(free_port 36819)
AccountingStoragePass=$folder/munge.socket
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

# A database in the folder, open to whoever can enter it.
start_database() {
    local try options tables=/usr/share/mysql/mariadb_system_tables.sql
    [[ -f $tables ]] || tables=/usr/share/mysql/mysql_system_tables.sql
    [[ -f $tables ]] || fail "$tables isn't there: what mariadb-server-core holds has changed"
    (umask 077 && mkdir -p "$folder/database/data")
    options=(--no-defaults "--user=$(id -un)" "--datadir=$folder/database/data" --skip-grant-tables
        "--tmpdir=$folder/database" --innodb-use-native-aio=0 --innodb-buffer-pool-size=32M
        --innodb-log-file-size=16M --innodb-flush-log-at-trx-commit=0 --innodb-lock-wait-timeout=900)
    { printf 'CREATE DATABASE mysql;\nUSE mysql;\n' && cat "$tables"; } |
        mariadbd "${options[@]}" --bootstrap >"$folder/bootstrap.log" 2>&1 ||
        fail "the database can't be made: $(grep ERROR "$folder/bootstrap.log")"
    setsid mariadbd "${options[@]}" --skip-networking "--socket=$folder/database/socket" \
        --pid-file="$folder/mariadbd.pid" >"$folder/mariadbd.log" 2>&1 </dev/null &
    for ((try = 0; try < 100; try++)); do
        [[ ! -S $folder/database/socket ]] || return 0
        sleep 0.1
    done
    fail "mariadbd doesn't start: $(tail -n 2 "$folder/mariadbd.log")"
}

# What has ended is kept from here on, once the cluster is known there.
start_accounting() {
    local try
    start_database
    (umask 077 && write_accounting_configuration)
    MYSQL_UNIX_PORT=$folder/database/socket slurmdbd ||
        fail "slurmdbd doesn't start: $(tail -n 2 "$folder/slurmdbd.log")"
    for ((try = 0; try < 10; try++)); do
        if timeout 10 sacctmgr --immediate add cluster fieldscope >"$folder/sacctmgr.log" 2>&1; then
            return
        fi
        sleep 0.5
    done
    fail "slurmdbd doesn't answer: $(tail -n 2 "$folder/sacctmgr.log" "$folder/slurmdbd.log")"
}

write_accounting_configuration() {
    cat >"$folder/slurmdbd.conf" <<CONFIGURATION
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$(sed -n 's/^AccountingStoragePort=//p' "$SLURM_CONF")
SlurmUser=$(id -un)
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=$(id -un)
StorageLoc=slurm
PidFile=$folder/slurmdbd.pid
LogFile=$folder/slurmdbd.log
CONFIGURATION
}

start() {
    require "slurm-wlm munge" munged slurmctld slurmd sbatch squeue
    [[ -z $accounting ]] || require "slurmdbd mariadb-server-core" slurmdbd mariadbd
    if answers; then
        [[ -z $accounting || -f $folder/slurmdbd.conf ]] ||
            fail "it runs already, in $folder, without accounting; stop it first"
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
    [[ -z $accounting ]] || start_accounting
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
    for name in slurmd slurmctld slurmdbd munged mariadbd; do
        [[ -f $folder/$name.pid ]] || continue
        pid=$(<"$folder/$name.pid")
        # A number of an earlier day may be another program's by now.
        [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$name" ]] || continue
        kill "$pid" || continue
        for ((try = 0; try < 100; try++)); do
            runs "$pid" || break
            sleep 0.1
        done
    done
    rm -rf "$folder"
}

accounting=
case "$*" in
start) start ;;
"start --accounting")
    accounting=yes
    start
    ;;
stop) stop ;;
*) fail "give start, start --accounting or stop" ;;
esac
