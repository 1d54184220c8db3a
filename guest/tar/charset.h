/*
 * What libarchive takes for the charset of file names. To the guest a name is bytes; libarchive
 * wants it to be text in the locale's charset and converts it from and to the UTF-8 of PAX records.
 *
 * Reading, the charset is ASCII: every name that is not ASCII cannot be converted then, and
 * libarchive keeps its bytes as they are, while from UTF-8 to UTF-8 it would compose them into
 * Unicode's form C, which is another name. (It warns then; see unpack.c.)
 *
 * Writing, it is UTF-8: nothing is composed, names that are UTF-8 are stored plainly, and only
 * those that are not get the record hdrcharset=BINARY.
 *
 * The linker puts charset.c before the C library's nl_langinfo (guest/rules.mk), which libarchive
 * asks once for each archive. A real UTF-8 locale would be a file to carry along.
 */
#ifndef VMBUILD_GUEST_CHARSET_H
#define VMBUILD_GUEST_CHARSET_H

/* What archives that are opened from now on take it for. Process-wide: a worker does one or the
 * other. */
void charset_for_reading(void);
void charset_for_writing(void);

#endif
