#!/bin/bash
# The release on the oldest kernel that README names, as far as system calls go: those that it lacks fail.
# shellcheck source=tests/hosts/host.sh
. "$(dirname "$0")/host.sh"

oldest=$(sed -nE 's/.*Linux ([0-9]+\.[0-9]+) or newer.*/\1/p' "$TOP/README.md" | head -n 1)
# call VERSION NUMBER: the error of a system call with senseless arguments.
call() {
    "$TOP/tests/hosts/kernel.py" "$1" python3 -c "
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall($2, -1, 0, 0, 0, 0, 0)
print(errno.errorcode[ctypes.get_errno()])"
}
is "memfd_create is there" "$(call "$oldest" 319)" EFAULT
for number in 322 326 332 435 439; do
    is "system call $number is not" "$(call "$oldest" $number)" ENOSYS
done

host /opt/vmbuild
# shellcheck disable=SC2034 # for in_host
KERNEL=("$TOP/tests/hosts/kernel.py" "$oldest")
check_host "Linux $oldest"
in_host --accel uml --rebuild --spec root.json -o uml.tar
exits 4 "User-Mode Linux, which needs a newer kernel"
says "User-Mode Linux, which needs a newer kernel: the reason" Landlock
done_testing
