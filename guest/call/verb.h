/*
 * The verbs that the host calls through guestfs_command (see contract.h): a name, and words
 * KEY=VALUE in any order.
 */
#ifndef VMBUILD_GUEST_VERB_H
#define VMBUILD_GUEST_VERB_H

#include <stddef.h>

#include "guest/call/guest.h"

/* Carries out the verb TEXTS[0] with the other COUNT-1 texts, which may be changed, as its words.
 * COUNT is at most WORDS_MAX. Returns 0 with GUEST's reply, or -1 with its fault. */
int verb_run(struct guest *guest, char **texts, size_t count);

#endif
