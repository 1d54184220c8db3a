#!/bin/bash
# Builds under User-Mode Linux: the same bytes as under emulation, limits, how it ends, what it cannot
# do. `make uml` builds it; make check-uml runs this.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need setpriv jq
UML=$(dirname "$(dirname "$VMBUILD")")/lib/vmbuild/linux.x86_64
[ -x "$UML" ] || skip_all "'make uml' has not built it"
export VMBUILD_ACCEL=uml

DEBIAN=$(base debian)
BUSYBOX=$(base busybox)
small() {
    jq -n --arg base "$BUSYBOX" "{name: \"small\", fromImage: \$base} + ($1)"
}

# --- the same bytes as under emulation

mkdir -p "$WORK/content/dir"
echo one > "$WORK/content/one"
ln "$WORK/content/one" "$WORK/content/dir/two"
ln -s one "$WORK/content/link"
head -c 3000000 /dev/zero | tr '\0' x > "$WORK/content/large"
echo key > "$WORK/key"
script_spec all "$(jq -n --arg base "$DEBIAN" '{name: "all", fromImage: $base, shadowSetup: true, memory: 1024, stillClock: true,
    secrets: [{id: "key"}],
    contents: [{source: "content", target: "/opt/content"}],
    preMount: "echo pre > layer/pre", postMount: "ls mnt/opt/content > mnt/seen",
    postUmount: "echo post > layer/post", extraCommands: "echo extra > extra; mkfifo fifo"}')" << 'END'
useradd --create-home joe
mkdir /data && chmod 2755 /data
seq 100 | while read -r number; do echo "$number" > "/data/$number"; done
ln /data/1 /data/hard
ln -s /data/2 /data/soft
mknod /data/node c 5 1
rm -r /usr/share/doc
rm -r /opt/content/dir && mkdir /opt/content/dir
chown joe:joe /data/3
setfattr -n user.x -v y /data/4 2> /dev/null || true
head -c 2000000 /dev/zero > /data/zeros
truncate -s 3M /data/hole
sha256sum /usr/bin/* > /data/sums
tr a-z A-Z < /run/secrets/key | cksum > /data/cksum
gzip -n < /data/sums > /data/sums.gz
stat -c '%n %a %u %g %s %Y' /etc /data/* > /data/stat
uname -srm > /data/uname
cat /proc/cpuinfo /proc/cmdline > /data/machine
env | sort > /data/env
date +%Y > /data/year
END
for accel in tcg uml; do
    run --spec all.json --output "all-$accel.tar" --accel "$accel" --no-cache --secret "id=key,src=key"
    exits 0 "all kinds of steps, --accel $accel"
done
ok "all kinds of steps: the same image, to the bit" cmp "$WORK/all-tcg.tar" "$WORK/all-uml.tar"

for order in "tcg uml" "uml tcg"; do
    USER_ENV=("XDG_CACHE_HOME=$WORK/cache-${order% *}")
    for accel in $order; do
        build_script base "$(jq -n --arg base "$DEBIAN" '{name: "base", fromImage: $base}')" --accel "$accel" <<< \
            'ls -laR /etc /usr/bin > /list'
        exits 0 "base disks in the order $order: $accel"
        mv "$WORK/base.tar" "$WORK/base-$accel.tar"
    done
    ok "base disks in the order $order: the same image" cmp "$WORK/base-tcg.tar" "$WORK/base-uml.tar"
done
USER_ENV=()

# --- the memory of programs

# The host lets a process have some 65,000 mappings: fewer than these pages.
build_script pages "$(jq -n --arg base "$DEBIAN" '{name: "pages", fromImage: $base, memory: 1024}')" << 'END'
cat > /pages.pl << 'PERL'
use constant PAGES => 131072;
# mmap(2), by its number: a private mapping without a file. read(2) writes a byte of it.
my $memory = syscall(9, 0, PAGES * 4096, 3, 0x22, -1, 0);
open(my $bytes, "<", "/dev/urandom") or die;
my $page = 1;
for (1 .. PAGES) {
    $page = ($page * 5 + 12345) % PAGES; # each one once
    syscall(0, fileno($bytes), $memory + $page * 4096, 1) == 1 or die "page $page: $!";
}
print "written\n";
PERL
perl /pages.pl > /pages
END
exits 0 "512 MiB, written here and there"
is "512 MiB, written here and there: all of it" "$(file_of "$WORK/pages.tar" pages)" written

# --- the registers of programs

# The kernel keeps them in the host's processes until it needs those for something else.
mkdir "$WORK/program"
if ${CC:-gcc} -O1 -static -o "$WORK/program/registers" "$TOP/tests/uml/registers.c" 2> "$WORK/cc.log"; then
    build_script registers "$(small '{contents: [{source: "program", target: "/program"}]}')" <<< \
        '/program/registers > /result'
    exits 0 "registers"
    is "registers: what they are after system calls, signals and processes" \
        "$(file_of "$WORK/registers.tar" result)" good
else
    fail "registers: the program is compiled" "$(cat "$WORK/cc.log")"
fi
build_script float "$(jq -n --arg base "$DEBIAN" '{name: "float", fromImage: $base}')" << 'END'
cat > /sum.pl << 'PERL'
my ($disturbed, $sum) = @ARGV;
# setitimer(2), by its number: Debian 13's image has no Time::HiRes.
sub alarm_each { syscall(38, 0, pack("q4", (0, $_[0]) x 2), 0) == 0 or die }
$SIG{ALRM} = sub { $other = sqrt(3.7 + $_) * cos($_) for 1 .. 20 };
alarm_each(2000) if $disturbed; # microseconds
for my $i (1 .. 100000) {
    $sum += sin($i) * sqrt($i) / ($i + 0.5);
    if ($disturbed && $i % 10000 == 0) {
        my $pid = fork();
        exit if !$pid;
        waitpid($pid, 0);
        system("/bin/true");
    }
}
alarm_each(0);
printf "%.17g\n", $sum;
PERL
perl /sum.pl 0 0 > /alone
for i in 1 2 3; do
    perl /sum.pl 1 0 > /disturbed$i &
done
wait
END
exits 0 "floating point"
for i in 1 2 3; do
    is "floating point, with signals and processes: program $i" "$(file_of "$WORK/float.tar" disturbed$i)" \
        "$(file_of "$WORK/float.tar" alone)"
done

# --- the clock of programs, which compute it between the kernel's looks at it

if ${CC:-gcc} -O1 -static -o "$WORK/program/clock" "$TOP/tests/uml/clock.c" 2> "$WORK/cc.log"; then
    contents='contents: [{source: "program", target: "/program"}]'
    build_script clock "$(small "{$contents}")" <<< '/program/clock > /result'
    exits 0 "the clock"
    is "the clock: the kernel's, and never back" "$(file_of "$WORK/clock.tar" result)" good
    build_script clock "$(small "{$contents, stillClock: true}")" <<< '/program/clock 1704067200 > /result'
    exits 0 "a clock that stands still"
    is "a clock that stands still" "$(file_of "$WORK/clock.tar" result)" good
else
    fail "the clock: the program is compiled" "$(cat "$WORK/cc.log")"
fi

# --- limits

build_script limits "$(small '{memory: 256}')" <<< 'tail /dev/zero'
exits 7 "a script that takes all memory"
build_script limits "$(small '{diskSize: 64}')" <<< 'dd if=/dev/zero of=/large bs=1M count=100'
exits 6 "a script that fills the disk"
build_script limits "$(small '{timeout: 1}')" <<< 'while :; do :; done'
exits 8 "a script that computes for ever"
build_script limits "$(small '{timeout: 1}')" <<< 'sleep 100'
exits 8 "a script that waits for ever"
build_script limits "$(small '{}')" <<< 'exit 3'
exits 5 "a script that fails"
build_script limits "$(small '{cpus: 4}')" <<< 'nproc > /n'
exits 0 "several processors"
is "several processors: there is one" "$(file_of "$WORK/limits.tar" n)" 1
says "several processors: the user is told" 'the VM has one processor'

# --- disks of the host's that fail

cache=$WORK/rotten
build_script rotten "$(small '{}')" --cache-dir "$cache" <<< 'cat /bin/busybox | sha256sum > /sum; ls -laR /bin > /list'
exits 0 "a base disk"
cp "$WORK/rotten.tar" "$WORK/sound.tar"
for disk in "$cache"/disks/*; do
    python3 "$TOP/tests/rot.py" flip "$disk"
done
build rotten --cache-dir "$cache"
exits 0 "a base disk that is damaged"
says "a base disk that is damaged: the user is told" 'is damaged, and is removed$'
ok "a base disk that is damaged: the same image" cmp "$WORK/rotten.tar" "$WORK/sound.tar"

mkdir "$WORK/little"
if mount -t tmpfs -o size=8m,mode=777 none "$WORK/little" 2> /dev/null; then
    USER_ENV=("TMPDIR=$WORK/little")
    build_script full "$(small '{timeout: 60}')" --no-cache <<< \
        'dd if=/dev/urandom of=/large bs=1M count=60; sync; sleep 50'
    exits 6 "a full disk of the host's"
    says "a full disk of the host's: its name" "^vmbuild: .*$WORK/little.*: No space left on device; .* mounted on"
    leaves_nothing "a full disk of the host's" "$WORK/full.tar"
    is "a full disk of the host's: TMPDIR is empty" "$(ls -A "$WORK/little")" ''
    USER_ENV=()
    umount "$WORK/little"
else
    skip "a full disk of the host's" "only root can mount a small one"
fi

# --- how it ends

start_long() {
    script_spec long "$(small '{}')" <<< 'echo started; (while :; do :; done) & sleep 60'
    in_background env --default-signal=INT,TERM "$VMBUILD" --spec long.json --output long.tar --no-cache
    wait_for has_said '^started'
}

start_long
pid=$(kernel "$RUN_PID")
is "the kernel: its confinement" "$(grep -E '^(NoNewPrivs|Seccomp):' "/proc/$pid/status" | tr -d '\n\t ')" \
    "NoNewPrivs:1Seccomp:2"
is "the kernel: one processor" "$(awk '/^Cpus_allowed_list/ {print $2}' "/proc/$pid/status" | grep -c '^[0-9]*$')" 1
is "the kernel: its environment" "$(tr '\0' '\n' < "/proc/$pid/environ" | cut -d = -f 1 | xargs)" \
    "TMPDIR GLIBC_TUNABLES"
is "the kernel: its files" "$(find "/proc/$pid/fd" -printf '%l\n' |
    sed -E -e '/^(socket|pipe|anon_inode):/d' -e '/^$/d' -e "s=^$WORK/tmp/[^/]*/\\.([a-z]*)\\..*=\\1=" \
        -e 's=^(/dev/shm|.*)/\.vmbuild-run\..*\(deleted\)$=memory=' | sort | uniq -c | xargs)" \
    "2 memory 1 scratch"
kill -KILL "$pid"
finish
exits 4 "kill -9 of the kernel"
leaves_nothing "kill -9 of the kernel" "$WORK/long.tar"

for signal in INT:130 TERM:143; do
    start_long
    kill -"${signal%:*}" "$RUN_PID"
    finish
    exits "${signal#*:}" "SIG${signal%:*}"
    leaves_nothing "SIG${signal%:*}" "$WORK/long.tar"
done

# ticks PID...: the processor time of these processes so far.
ticks() {
    local pid
    for pid; do
        sed 's/.*) //' "/proc/$pid/stat"
    done | awk '{ sum += $12 + $13 } END { print sum }'
}
start_long
mapfile -t group < <(processes_left | awk '{ print $1 }')
kill -TSTP "$RUN_PID"
wait_for in_state T "$RUN_PID" "$(kernel "$RUN_PID")"
before=$(ticks "${group[@]}")
sleep 1
is "SIGTSTP: a script that computes is stopped" "$(ticks "${group[@]}")" "$before"
kill -CONT "$RUN_PID"
kill -TERM "$RUN_PID"
finish
exits 143 "SIGTERM after SIGCONT"
leaves_nothing "SIGTERM after SIGCONT" "$WORK/long.tar"

# A host with much to do lets the kernel wait, often in the midst of a system call.
script_spec still "$(jq -n --arg base "$DEBIAN" '{name: "still", fromImage: $base, stillClock: true}')" << 'END'
echo started
perl -e 'for (1 .. 30000) {
    open FILE, ">", "/file"; close FILE;
    $times{(stat "/file")[10]}++;
    unlink "/file";
}
print join(" ", keys %times)' > /times
END
in_background "$VMBUILD" --spec still.json --output still.tar --no-cache
wait_for has_said '^started'
pid=$(kernel "$RUN_PID")
for _ in 1 2 3 4 5; do
    kill -STOP "$pid"
    sleep 1.1
    kill -CONT "$pid"
    sleep 0.1
done
finish
exits 0 "a kernel that has to wait"
is "a kernel that has to wait: the clock stands still" "$(file_of "$WORK/still.tar" times)" 1704067200

start_long
# shellcheck disable=SC2046 # numbers
kill -KILL $(processes_left | awk '$2 ~ /vmbuild$/ {print $1}')
finish
is "kill -9 of vmbuild: no process is left" "$(what_stays processes_left)" ""
rm -rf "$WORK/tmp" && install -d -o "$(stat -c %u "$WORK")" -m 755 "$WORK/tmp"

# --- what it cannot do

script_spec many "$(small "{shares: [$(for i in $(seq 17); do
    mkdir -p "$WORK/shared/$i"
    echo "{source: \"shared/$i\", target: \"/mnt/$i\"},"
done | sed '$s/,$//')]}")" <<< 'ls /mnt'
build many
exits 4 "17 shares"
says "17 shares: the reason" '^vmbuild: start the VM under UML: it has no room for so many .* shares$'
build many --accel auto,uml
exits 0 "17 shares, --accel auto,uml"
says "17 shares, --accel auto,uml: under emulation" 'the VM does not run under UML: it has no room'
cp -r "$(dirname "$UML")" "$WORK/broken"
install -m 755 /bin/false "$WORK/broken/linux.x86_64"
USER_ENV=("VMBUILD_APPLIANCE=$WORK/broken")
build_script broken "$(small '{}')" <<< 'echo made > /made'
exits 4 "a kernel that does not start"
build broken --accel auto,uml
exits 0 "a kernel that does not start, --accel auto,uml"
says "a kernel that does not start, --accel auto,uml: the reason" '^vmbuild: .*; trying TCG, which is slower$'
USER_ENV=(VMBUILD_ACCEL=fast)
build broken
exits 2 "a wrong VMBUILD_ACCEL"
says "a wrong VMBUILD_ACCEL: the reason" "VMBUILD_ACCEL 'fast' must be one of auto, kvm, tcg, uml, auto,uml"
USER_ENV=()
run doctor
like "doctor names it" "$(cat "$WORK/out" "$WORK/err")" 'UML.*(works|as requested)'

done_testing
