/*
 * The program that libguestfs starts in place of QEMU (machine/confined_qemu.h). vmbuild can do the
 * same, but its libraries take some 10 ms to load, and this one has next to none.
 */
#include "host/lib/error.h"
#include "host/machine/confined_qemu.h"

int main(int argc, char **argv)
{
    return argc > 0 && confined_qemu_is_asked(argv[0]) ? confined_qemu_run(argv) : EXIT_USAGE;
}
