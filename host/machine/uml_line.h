/*
 * The host's end of the line to User-Mode Linux (guest/contract.h): passes bytes between the ports
 * of the guest, which lie in memory shared with it, and stream sockets. It runs in the process that
 * starts the kernel (confined_uml.h).
 *
 * The guest may have been taken over. Of what it sends, only the messages are understood; a wrong
 * one ends the line. The bytes in the window are passed on as they are at that moment.
 */
#ifndef VMBUILD_UML_LINE_H
#define VMBUILD_UML_LINE_H

#include <stdbool.h>

#include "guest/contract.h"

struct uml_line;

/* How a turn has ended. */
enum uml_line_state {
    UML_LINE_GOES_ON,
    UML_LINE_CLOSED, /* by the guest */
    UML_LINE_WRONG,  /* the guest sent what it must not, or the host's socket fails */
};

/* Makes a line over the socket FD and WINDOW, of GUEST_WINDOW_SIZE bytes. Both are borrowed. */
struct uml_line *uml_line_new(int fd, unsigned char *window);

/* Connects PORT to the stream socket FD, which LINE owns from then on. A port that has none takes
 * nothing. */
void uml_line_connect(struct uml_line *line, enum guest_line_port port, int fd);

/* Waits until there is something to do, and does it; also when OTHER has something to read, which
 * is left to the caller. */
enum uml_line_state uml_line_turn(struct uml_line *line, int other);

/* Whether the guest has begun: it has opened the line, and the window before. */
bool uml_line_has_begun(const struct uml_line *line);

/* Closes the ports' sockets. Accepts NULL. */
void uml_line_free(struct uml_line *line);

#endif
