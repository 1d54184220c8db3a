/*
 * Unknown keys of a spec, and the key that was meant: one that is spelled nearly so, a member of
 * `config`, or what other programs call it.
 */
#ifndef VMBUILD_SPEC_MISNOMER_H
#define VMBUILD_SPEC_MISNOMER_H

#include "host/lib/error.h"

/* Returns ERR, about the unknown key NAME, with advice on which key was meant. */
[[nodiscard]] struct error *spec_misnomer_advise(struct error *err, const char *name);

#endif
