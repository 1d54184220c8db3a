/*
 * Where this machine keeps the certificates of the authorities that it trusts, as one file.
 */
#ifndef VMBUILD_CA_BUNDLE_H
#define VMBUILD_CA_BUNDLE_H

/* Returns the path of the first bundle that this user can read, in the places that distributions
 * have it; NULL if there is none. */
const char *ca_bundle_find(void);

#endif
