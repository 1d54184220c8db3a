/*
 * The program that libguestfs starts in place of QEMU (machine/confined_qemu.h), and that starts
 * User-Mode Linux (machine/confined_uml.h). vmbuild can do the same, but its libraries take some 10
 * ms to load, and this one has next to none.
 */
#include "host/lib/error.h"
#include "host/machine/confined_qemu.h"
#include "host/machine/confined_uml.h"

int main(int argc, char **argv)
{
    if (argc > 0 && confined_uml_is_asked(argv[0]))
        return confined_uml_run(argv);
    return argc > 0 && confined_qemu_is_asked(argv[0]) ? confined_qemu_run(argv) : EXIT_USAGE;
}
