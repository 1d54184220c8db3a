#!/bin/bash
# Images for 386: their scripts run in the guest for amd64, and so do their programs. (What they run is
# made here, without a C library; tests/foreign/386.t has Debian's busybox.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need jq gcc
mkdir -p "$WORK/root/bin" "$WORK/context"
# What runs the scripts: it makes /made, setuid and another user's, with the size of a pointer in it.
cat > "$WORK/shell.c" << 'END'
static long call(long number, const void *a, long b, long c)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

void _start(void)
{
    static const char path[] = "/made";
    char text[] = {'0' + sizeof(void *), '\n'};
    long fd = call(8, path, 0600, 0);
    int good = call(4, (void *)fd, (long)text, sizeof text) == sizeof text &&
               call(212, path, 1000, 1001) == 0 && call(15, path, 04711, 0) == 0;

    call(1, (void *)(long)!good, 0, 0);
}
END
ok "a program of 32 bits" gcc -m32 -O1 -static -nostdlib -fno-pie -no-pie -fno-stack-protector -Wl,--build-id=none \
    -o "$WORK/root/bin/sh" "$WORK/shell.c"
like "a program of 32 bits: what it is" "$(readelf -h "$WORK/root/bin/sh")" 'Class: +ELF32'

# --- a script

spec app <<< '{"name": "app", "architecture": "386", "contents": "root", "runAsRoot": ":"}'
build app --check
exits 0 "a script"
says "a script: the same twice" "both builds are the same, to the bit"
is "a script: the image" "$(config "$WORK/app.tar" .architecture)" '"386"'
is "a script: its program has 32 bits" "$(file_of "$WORK/app.tar" made)" 4
like "a script: its program is root's" "$(layer "$WORK/app.tar")" '^file 4711 1000:1001 made$'
spec on <<< '{"name": "on", "fromImage": "app.tar", "runAsRoot": ":"}'
build on
exits 0 "a script on that base"
is "a script on that base: the image" "$(config "$WORK/on.tar" .architecture)" '"386"'
run --spec on.json --platform amd64 --no-output
exits 3 "another platform than the base's"

# --- a platform

printf 'FROM scratch\nCOPY root/bin/sh /bin/sh\nRUN :\n' > "$WORK/context/Dockerfile"
cp -r "$WORK/root" "$WORK/context"
run build -f context/Dockerfile --platform linux/386 -o file.tar context
exits 0 "a Dockerfile"
is "a Dockerfile: what it runs" "$(file_of "$WORK/file.tar" made)" 4
is "a Dockerfile: the image" "$(config "$WORK/file.tar" .architecture)" '"386"'
leaves_nothing "386"

done_testing
