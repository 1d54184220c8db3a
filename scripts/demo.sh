#!/bin/bash
# The main job on a real base image, by a user without any privileges: a script that needs root.
#
# usage: demo.sh      after `make`; as root it becomes an unprivileged user by itself
set -euo pipefail
umask 022

tree=$(cd "$(dirname "$0")/.." && pwd)
base=$("$tree/scripts/base-image.sh" debian)
work=$(mktemp -d "${TMPDIR:-/tmp}/vmbuild-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

# The tree may be in a directory that the unprivileged user cannot enter.
mkdir -p "$work/bin/build" "$work/home"
cp "$tree/vmbuild" "$work/bin/vmbuild"
cp -r "$tree/build/appliance" "$work/bin/build/appliance"

unprivileged=()
if [ "$(id -u)" -eq 0 ]; then
    chown 65534:65534 "$work/home"
    unprivileged=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs
        --bounding-set=-all --inh-caps=-all)
fi

cat > "$work/spec.json" <<END
{
  "name": "demo",
  "fromImage": "$base",
  "runAsRoot": {"file": "script.sh"},
  "config": {"Cmd": ["/usr/local/bin/whoami"], "User": "builder"}
}
END
cat > "$work/script.sh" <<'END'
#!/bin/bash
set -eux
useradd --uid 1000 --create-home builder
mkdir -p /srv/device
mknod /srv/device/null c 1 3
cp /usr/bin/id /usr/local/bin/whoami
chown root:builder /usr/local/bin/whoami
chmod 4750 /usr/local/bin/whoami
rm -r /usr/share/doc
END

echo "== spec.json"
cat "$work/spec.json"
echo "== script.sh"
cat "$work/script.sh"
echo "== vmbuild, as user $("${unprivileged[@]}" id -u)"
(
    cd "$work/home"
    time "${unprivileged[@]}" env -i PATH="$PATH" HOME="$work/home" \
        "$work/bin/vmbuild" --spec "$work/spec.json" -o demo.tar.gz
)
echo "== the image"
ls -l "$work/home/demo.tar.gz"
layer=$(tar -xzOf "$work/home/demo.tar.gz" manifest.json | tr ',' '\n' | grep -o '[0-9a-f]*/layer.tar' | tail -n 1)
echo "== its new layer ($layer)"
tar -xzOf "$work/home/demo.tar.gz" "$layer" | tar -tv --numeric-owner -f -
