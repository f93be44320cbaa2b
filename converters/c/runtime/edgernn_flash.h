/* SPDX-License-Identifier: Apache-2.0 */
/* Where constants lie: in flash, without a word on nearly every processor.
 *
 * An AVR reads its flash by instructions of its own, and copies constants into RAM unless they are declared otherwise.
 * PROGMEM would ask for a function around every element that is read; GCC's __flash tells the compiler, in C as GNU
 * extends it (-std=gnu99 and later, as the Arduino compiles). In C++ and in strict C constants are in RAM there. Such a
 * pointer has 16 bits, so constants must lie in the first 64 KB of flash, where linkers put them.
 */
#ifndef EDGERNN_FLASH_H
#define EDGERNN_FLASH_H

#if defined(__AVR__) && defined(__FLASH) && !defined(__STRICT_ANSI__)
#define EDGERNN_FLASH __flash
#else
#define EDGERNN_FLASH
#endif

#endif
