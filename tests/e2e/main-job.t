#!/bin/bash
# The main job: an unprivileged user's script does what needs root, on a real base, and the clients
# of other projects see exactly that.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq python3

mkdir "$WORK/contents" "$WORK/contents/opt"
echo hello > "$WORK/contents/opt/greeting"
chmod -R a+rX "$WORK/contents"

script_spec job "$(jq -n --arg base "$(base debian)" '{
    name: "example/main", tag: "v1", fromImage: $base, contents: "contents",
    created: "2020-02-02T02:02:02Z", env: {STEP: "one"}, memory: 512, cpus: 1, diskSize: 2048,
    timeout: 300,
    config: {Cmd: ["/usr/bin/id", "builder"], Env: ["LANG=C.UTF-8", "EXTRA=1"], WorkingDir: "/srv",
             Labels: {"com.example.kind": "test"}}
}')" <<'END'
echo "who: $(id -u):$(id -g), step: $STEP, folder: $(pwd), home: $HOME, umask: $(umask)"
echo "and on standard error" >&2
useradd --create-home --key HOME_MODE=0755 --uid 4321 --shell /bin/sh builder
mknod -m 640 /srv/disk b 7 3
mknod -m 600 /srv/null c 1 3
cp /usr/bin/id /usr/local/bin/id-of-root
chown builder:builder /usr/local/bin/id-of-root
chmod 6755 /usr/local/bin/id-of-root
chown 123456:654321 /opt/greeting
rm -r /usr/share/doc
rm /etc/debian_version
ln -s /etc/os-release /srv/release
ln /usr/local/bin/id-of-root /usr/local/bin/again
setcap cap_net_raw+ep /bin/true 2> /dev/null || true
END
build job
exits 0 "build on a Debian base"
says "the script's standard output is shown" 'who: 0:0, step: one, folder: /, home: /root, umask: 0022'
says "the script's standard error is shown" '^and on standard error'
is "standard output is empty" "$(cat "$WORK/out")" ""
leaves_nothing "build"
ok "the archive keeps docker save's form" image check "$WORK/job.tar"

listing=$(layer "$WORK/job.tar")
like "the user's home" "$listing" '^dir 0755 4321:4321 home/builder/?$'
like "a block device" "$listing" '^block 0640 0:0 srv/disk 7,3$'
like "a character device" "$listing" '^char 0600 0:0 srv/null 1,3$'
like "setuid and setgid, owner, the first of two names" "$listing" '^file 6755 4321:4321 usr/local/bin/again$'
like "a hard link to the first name" "$listing" \
    '^hard 6755 4321:4321 usr/local/bin/id-of-root = usr/local/bin/again$'
like "contents, with the owner that the script gave it" "$listing" '^file 0[0-7]{3} 123456:654321 opt/greeting$'
like "a deleted file" "$listing" '^file 0[0-7]{3} 0:0 etc/\.wh\.debian_version$'
like "a deleted directory" "$listing" '^file 0[0-7]{3} 0:0 usr/share/\.wh\.doc$'
like "a symlink" "$listing" '^link 0777 0:0 srv/release -> /etc/os-release$'
unlike "no trace of mount points, nor of the builder" "$listing" \
    ' (proc|sys|dev|run/vmbuild|job|etc/resolv\.conf|etc/hosts|[^ ]*\.wh\.(proc|sys|dev))(/| |$)'
is "one new layer on the base's one" "$(config "$WORK/job.tar" '.rootfs.diff_ids | length')" 2
is "the base layer's bytes are kept" "$(config "$WORK/job.tar" '.rootfs.diff_ids[0]')" \
    "$(config "$(base debian)" '.rootfs.diff_ids[0]')"
is "the config: the spec's over the base's" \
    "$(config "$WORK/job.tar" '[.created, .config.Cmd, .config.WorkingDir, .config.Labels["com.example.kind"], (.config.Env | sort)]')" \
    '["2020-02-02T02:02:02Z",["/usr/bin/id","builder"],"/srv","test",["EXTRA=1","LANG=C.UTF-8","PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]]'
unlike "env is never stored" "$(config "$WORK/job.tar" 'del(.history)')" 'STEP'
like "the history has the script as it was written" "$(config "$WORK/job.tar" '.history[-1].created_by')" \
    'contents: .*; runAsRoot: echo .*who: .*, step: [$]STEP, '

if [ "$(id -u)" -ne 0 ]; then
    skip "Docker Engine, podman, umoci" "they need root"
    done_testing
    exit
fi
chmod a+r "$WORK/job.tar"

like "docker load" "$(docker load --input "$WORK/job.tar" 2>&1)" '^Loaded image: example/main:v1$'
like "docker run: the config's Cmd" "$(docker run --rm --network none example/main:v1 2>&1)" \
    '^uid=4321\(builder\) gid=4321\(builder\)'
is "docker run: owners, modes, devices, deleted files" \
    "$(docker run --rm --network none example/main:v1 sh -c '
        stat -c "%n %F %a %u:%g %t,%T" /srv/disk /srv/null /usr/local/bin/again /home/builder
        stat -c "%h" /usr/local/bin/id-of-root
        stat -c "%u:%g" /opt/greeting; cat /opt/greeting
        ls -d /usr/share/doc /etc/debian_version 2> /dev/null; ls -d /proc /sys /dev' 2>&1)" \
    '/srv/disk block special file 640 0:0 7,3
/srv/null character special file 600 0:0 1,3
/usr/local/bin/again regular file 6755 4321:4321 0,0
/home/builder directory 755 4321:4321 0,0
2
123456:654321
hello
/dev
/proc
/sys'
is "docker run: setuid works" \
    "$(docker run --rm --network none --user 99 example/main:v1 /usr/local/bin/again -u 2>&1)" 4321
is "docker inspect" "$(docker inspect --format '{{json .Config.Cmd}} {{.Config.WorkingDir}} {{.Created}}' example/main:v1)" \
    '["/usr/bin/id","builder"] /srv 2020-02-02T02:02:02Z'
docker save --output "$WORK/saved.tar" example/main:v1
is "docker save writes the same layers" "$(config "$WORK/saved.tar" .rootfs.diff_ids)" \
    "$(config "$WORK/job.tar" .rootfs.diff_ids)"

is "skopeo inspect" "$(skopeo inspect "docker-archive:$WORK/job.tar" | jq -c '[.Created, (.Layers | length), .Architecture, .Os]')" \
    '["2020-02-02T02:02:02Z",2,"amd64","linux"]'

ok "umoci unpack" unpack "$WORK/job.tar" "$WORK/unpacked"
is "umoci: devices, modes, owners" \
    "$(cd "$WORK/unpacked/rootfs" && stat -c "%n %F %a %u:%g %t,%T" srv/disk usr/local/bin/again opt/greeting)" \
    'srv/disk block special file 640 0:0 7,3
usr/local/bin/again regular file 6755 4321:4321 0,0
opt/greeting regular file 664 123456:654321 0,0'
ok "umoci: deleted" test ! -e "$WORK/unpacked/rootfs/usr/share/doc" -a ! -e "$WORK/unpacked/rootfs/etc/debian_version"
ok "umoci: the base's directories stay" test -d "$WORK/unpacked/rootfs/proc" -a -d "$WORK/unpacked/rootfs/sys"

mkdir "$WORK/podman"
podman=(podman --root "$WORK/podman/root" --runroot "$WORK/podman/run" --storage-driver vfs)
like "podman load" "$("${podman[@]}" load --input "$WORK/job.tar" 2>&1)" 'example/main:v1$'
is "podman inspect" "$("${podman[@]}" inspect --format '{{.Config.WorkingDir}} {{len .RootFS.Layers}}' example/main:v1 2>&1)" \
    '/srv 2'
mounted=$("${podman[@]}" image mount example/main:v1)
is "podman: the tree is umoci's" "$(diff <(image tree "$mounted") <(image tree "$WORK/unpacked/rootfs") | head -n 20)" ""
"${podman[@]}" image umount --all > /dev/null
"${podman[@]}" rmi --all --force > /dev/null

done_testing
