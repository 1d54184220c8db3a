/*
 * The verbs that the host calls through guestfs_command (see contract.h): a name, and words
 * KEY=VALUE in any order.
 */
#ifndef VMBUILD_GUEST_VERB_H
#define VMBUILD_GUEST_VERB_H

#include <stddef.h>

#include "guest/call/guest.h"

#define VERB_WORDS_MAX 512

/* Carries out the verb WORDS[0] with the other COUNT-1 words, which may be changed. Returns 0
 * with GUEST's reply, or -1 with its fault. */
int verb_run(struct guest *guest, char **words, size_t count);

#endif
