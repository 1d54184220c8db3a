/*
 * The charset of file names, for libarchive. To the guest a name is bytes; libarchive regards it as
 * text in the locale's charset and converts it from and to the UTF-8 of PAX records.
 *
 * For reading, the charset is ASCII: names that are not ASCII then cannot be converted, and
 * libarchive keeps their bytes, whereas from UTF-8 to UTF-8 it would compose them into Unicode's
 * form C, which is another name. (It warns about it; see unpack.c.)
 *
 * For writing, it is UTF-8: nothing is composed, names that are UTF-8 are stored plainly, and only
 * the others get the record hdrcharset=BINARY.
 *
 * charset.c stands in for the C library's nl_langinfo, which libarchive calls once for each
 * archive. A real UTF-8 locale would need a file in the initramfs.
 */
#ifndef VMBUILD_GUEST_CHARSET_H
#define VMBUILD_GUEST_CHARSET_H

/* Set the charset of archives that are opened from now on. It is the whole process's; a worker
 * either reads or writes. */
void charset_for_reading(void);
void charset_for_writing(void);

#endif
