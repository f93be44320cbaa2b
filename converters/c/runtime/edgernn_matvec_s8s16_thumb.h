/* edgernn_matvec_s8s16 for Cortex-M: the DSP extension (M4, M7, M33, M55) and the 16-bit instruction set (M0, M23).
 *
 * Assembly only inside loops, because compilers were measured to be far off there: GCC 12 makes 23 instructions of the
 * first form's 18 and 87 of the second's 72. It takes nearly all registers, so builds without optimization have
 * plain C. If a compiler that must keep a frame pointer too (-fno-omit-frame-pointer) finds the constraints impossible,
 * define EDGERNN_PORTABLE.
 */
#ifndef EDGERNN_MATVEC_S8S16_THUMB_H
#define EDGERNN_MATVEC_S8S16_THUMB_H

#include "edgernn_fixed.h"

/* Within another function, or with its arguments known, which unrolls the loops, too few registers may be left for the
 * assembly: GCC then says that its constraints are impossible. */
#if defined(__clang__)
#define EDGERNN_ALONE __attribute__((noinline))
#else
#define EDGERNN_ALONE __attribute__((noipa))
#endif

#if EDGERNN_ARM_DSP && defined(__thumb2__) && defined(__OPTIMIZE__)

/* Four rows times four columns, 18 instructions for 16 products. LDM takes ascending registers, which intrinsics cannot
 * ask for. r7 and r9 are left to those who reserve them, for frames and for position-independent data. */
#define EDGERNN_GROUP()                                                                           \
  __asm__ volatile(                                                                               \
      "ldmia %[w]!, {r2, r3, r4, r5}\n\t"                                                         \
      "ldrd r6, r8, [%[x]], #8\n\t"                                                               \
      "sxtb16 r12, r2\n\t"                                                                        \
      "sxtb16 r2, r2, ror #8\n\t"                                                                 \
      "smlad %[a0], r12, r6, %[a0]\n\t"                                                           \
      "sxtb16 r12, r3\n\t"                                                                        \
      "smlad %[a0], r2, r8, %[a0]\n\t"                                                            \
      "sxtb16 r3, r3, ror #8\n\t"                                                                 \
      "smlad %[a1], r12, r6, %[a1]\n\t"                                                           \
      "sxtb16 r12, r4\n\t"                                                                        \
      "smlad %[a1], r3, r8, %[a1]\n\t"                                                            \
      "sxtb16 r4, r4, ror #8\n\t"                                                                 \
      "smlad %[a2], r12, r6, %[a2]\n\t"                                                           \
      "sxtb16 r12, r5\n\t"                                                                        \
      "smlad %[a2], r4, r8, %[a2]\n\t"                                                            \
      "sxtb16 r5, r5, ror #8\n\t"                                                                 \
      "smlad %[a3], r12, r6, %[a3]\n\t"                                                           \
      "smlad %[a3], r5, r8, %[a3]"                                                                \
      : [w] "+r"(w), [x] "+r"(column), [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3) \
      :                                                                                           \
      : "r2", "r3", "r4", "r5", "r6", "r8", "r12", "memory")

static EDGERNN_ALONE void edgernn_matvec_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                               int row_blocks, int column_groups) {
  const int16_t *const pairs = x + (column_groups & ~1) * 4;
  do {
    int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    const int16_t *column = x;
    while (column != pairs) {
      EDGERNN_GROUP();
      EDGERNN_GROUP();
    }
    if (column_groups & 1) EDGERNN_GROUP();
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
    acc += 4;
    bias += 4;
  } while (--row_blocks);
}

/* GCC has no use of r8 to r12 with -Os, Clang none of r7. */
#elif !defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__) && !defined(__clang__)

/* One row: a word has the weights of columns 0, 2, 1, 3. */
#define EDGERNN_ROW(sum)           \
  "ldmia %[w]!, {%[t]}\n\t"        \
  "sxtb %[s], %[t]\n\t"            \
  "muls %[s], %[x0], %[s]\n\t"     \
  "add %[" sum "], %[s]\n\t"       \
  "lsls %[s], %[t], #16\n\t"       \
  "asrs %[s], %[s], #24\n\t"       \
  "muls %[s], %[x2], %[s]\n\t"     \
  "add %[" sum "], %[s]\n\t"       \
  "lsls %[s], %[t], #8\n\t"        \
  "asrs %[s], %[s], #24\n\t"       \
  "muls %[s], %[x1], %[s]\n\t"     \
  "add %[" sum "], %[s]\n\t"       \
  "asrs %[t], %[t], #24\n\t"       \
  "muls %[t], %[x3], %[t]\n\t"     \
  "add %[" sum "], %[t]\n\t"

static EDGERNN_ALONE void edgernn_matvec_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                               int row_blocks, int column_groups) {
  const int16_t *const end = x + column_groups * 4;
  do {
    int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    const int16_t *column = x;
    int32_t s, t, x0, x1, x2, x3;
    /* Sums and addresses that are only added to and compared may be in r8 to r14; all else needs r0 to r7. */
    __asm__ volatile(
        ".syntax unified\n"
        "1:\n\t"
        "mov %[t], %[column]\n\t"
        "ldr %[x0], [%[t]]\n\t"
        "ldr %[x2], [%[t], #4]\n\t"
        "adds %[t], #8\n\t"
        "mov %[column], %[t]\n\t"
        "asrs %[x1], %[x0], #16\n\t"
        "sxth %[x0], %[x0]\n\t"
        "asrs %[x3], %[x2], #16\n\t"
        "sxth %[x2], %[x2]\n\t"
        EDGERNN_ROW("a0") EDGERNN_ROW("a1") EDGERNN_ROW("a2") EDGERNN_ROW("a3")
        "ldr %[t], %[end]\n\t"
        "cmp %[column], %[t]\n\t"
        "bne 1b"
        : [a0] "+h"(a0), [a1] "+h"(a1), [a2] "+h"(a2), [a3] "+h"(a3), [column] "+h"(column), [w] "+l"(w),
          [s] "=&l"(s), [t] "=&l"(t), [x0] "=&l"(x0), [x1] "=&l"(x1), [x2] "=&l"(x2), [x3] "=&l"(x3)
        : [end] "m"(end)
        : "cc", "memory");
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
    acc += 4;
    bias += 4;
  } while (--row_blocks);
}

#else
#define EDGERNN_MATVEC_PLAIN /* Cortex-M3 among them, where C is as good */
#endif
#endif
