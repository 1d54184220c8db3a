/*
 * What libguestfs has found out about QEMU, as it keeps it in its cache: small files in the
 * directory .guestfs-UID, "qemu-SIZE-MTIME.FACT", which it believes as long as QEMU stays the same.
 * One of them, query-kvm, is about the host, too: whether QEMU could use KVM at that time.
 */
#ifndef VMBUILD_QEMU_FACTS_H
#define VMBUILD_QEMU_FACTS_H

/* Removes from the directory CACHE that KVM cannot be used, so that libguestfs looks again. If that
 * fails, it will refuse to use KVM. */
void qemu_facts_forget_no_kvm(const char *cache);

#endif
