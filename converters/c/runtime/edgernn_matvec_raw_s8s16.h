/* A cheaper product of int8 weights and 16-bit numbers, for numbers of up to about 13 bits.
 *
 * Taking a byte out of a word costs an instruction. Here, the 16 bits that end at a weight are multiplied as they are:
 * 256 times the weight, plus the byte below it, which the rounding of the weights has taken into account (round_raw in
 * packing.py). In a word with bytes b0 to b3, the weights of columns 0, 2, 1, 3 of the group are so
 *
 *   256 b0,   256 b1 + u0,   256 b2 + u1,   256 b3 + u2      with u = b & 255
 *
 * and acc[row] = bias[row] + sum over columns of these times x[column], in units 256 times finer than those of
 * edgernn_matvec_s8s16. The sums are exact; that they fit 32 bits must be proven from the weights and the largest |x|.
 * Arguments and order of the weights are those of edgernn_matvec_s8s16, but x must be zero past the last column.
 */
#ifndef EDGERNN_MATVEC_RAW_S8S16_H
#define EDGERNN_MATVEC_RAW_S8S16_H

#include "edgernn_fixed.h"

#if defined(__AVX2__) && !defined(EDGERNN_PORTABLE)
#include <immintrin.h>

/* Two column groups of a row block. */
static inline __m256i edgernn_raw_x86(__m256i sum, __m256i w, __m256i even, __m256i odd) {
  const __m256i low = _mm256_madd_epi16(_mm256_slli_epi32(w, 8), even), high = _mm256_madd_epi16(w, odd);
  return _mm256_add_epi32(sum, _mm256_add_epi32(low, high));
}

static inline void edgernn_matvec_raw_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                            int row_blocks, int column_groups) {
  const long long first = 0x0302010003020100, second = 0x0b0a09080b0a0908;
  const __m256i order = _mm256_setr_epi64x(first, first, second, second);
  const __m256i next = _mm256_set1_epi32(0x04040404);
  const long block = 16L * column_groups; /* bytes of a row block */
  while (row_blocks) {
    const int blocks = row_blocks < 3 ? row_blocks : 3;
    __m256i sum[3] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int group = 0; group + 1 < column_groups; group += 2) {
      const __m128i *const columns = (const __m128i *)(const void *)(x + 4 * group);
      const __m256i eight = _mm256_broadcastsi128_si256(_mm_loadu_si128(columns));
      const __m256i even = _mm256_shuffle_epi8(eight, order);
      const __m256i odd = _mm256_shuffle_epi8(eight, _mm256_add_epi8(order, next));
      for (int k = 0; k < blocks; ++k) {
        const int8_t *const at = w + k * block + 16 * group;
        sum[k] = edgernn_raw_x86(sum[k], _mm256_loadu_si256((const __m256i *)(const void *)at), even, odd);
      }
    }
    for (int k = 0; k < blocks; ++k, acc += 4, bias += 4, w += block) {
      __m128i rows = _mm_add_epi32(_mm256_castsi256_si128(sum[k]), _mm256_extracti128_si256(sum[k], 1));
      if (column_groups & 1) {
        const __m128i last = _mm_loadl_epi64((const __m128i *)(const void *)(x + 4 * column_groups - 4));
        const __m128i word = _mm_loadu_si128((const __m128i *)(const void *)(w + block - 16));
        rows = _mm_add_epi32(rows, _mm_madd_epi16(_mm_slli_epi32(word, 8), _mm_shuffle_epi32(last, 0x00)));
        rows = _mm_add_epi32(rows, _mm_madd_epi16(word, _mm_shuffle_epi32(last, 0x55)));
      }
      rows = _mm_add_epi32(rows, _mm_loadu_si128((const __m128i *)(const void *)bias));
      _mm_storeu_si128((__m128i *)(void *)acc, rows);
    }
    row_blocks -= blocks;
  }
}

#elif EDGERNN_ARM_DSP && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(__ARM_BIG_ENDIAN) && \
    !defined(EDGERNN_PORTABLE)

/* Four rows times four columns: 14 instructions for 16 products. */
#define EDGERNN_RAW_GROUP()                                                                           \
  __asm__ volatile(                                                                                   \
      "ldmia %[w]!, {r2, r3, r4, r5}\n\t"                                                             \
      "ldrd r6, r8, [%[x]], #8\n\t"                                                                   \
      "smlad %[a0], r2, r8, %[a0]\n\t"                                                                \
      "lsl r2, r2, #8\n\t"                                                                            \
      "smlad %[a1], r3, r8, %[a1]\n\t"                                                                \
      "lsl r3, r3, #8\n\t"                                                                            \
      "smlad %[a0], r2, r6, %[a0]\n\t"                                                                \
      "smlad %[a2], r4, r8, %[a2]\n\t"                                                                \
      "lsl r4, r4, #8\n\t"                                                                            \
      "smlad %[a1], r3, r6, %[a1]\n\t"                                                                \
      "smlad %[a3], r5, r8, %[a3]\n\t"                                                                \
      "lsl r5, r5, #8\n\t"                                                                            \
      "smlad %[a2], r4, r6, %[a2]\n\t"                                                                \
      "smlad %[a3], r5, r6, %[a3]"                                                                    \
      : [w] "+r"(w), [x] "+r"(column), [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3)     \
      :                                                                                               \
      : "r2", "r3", "r4", "r5", "r6", "r8", "memory")

static inline void edgernn_matvec_raw_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                            int row_blocks, int column_groups) {
  const int16_t *const pairs = x + (column_groups & ~1) * 4;
  do {
    int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    const int16_t *column = x;
    while (column != pairs) {
      EDGERNN_RAW_GROUP();
      EDGERNN_RAW_GROUP();
    }
    if (column_groups & 1) EDGERNN_RAW_GROUP();
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
    acc += 4;
    bias += 4;
  } while (--row_blocks);
}

#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__) && !defined(EDGERNN_PORTABLE)
#include <arm_neon.h>

/* A word of x in all lanes. */
static inline int16x8_t edgernn_word_neon(const int16_t *x) {
  int32_t word;
  __builtin_memcpy(&word, x, sizeof word);
  return vreinterpretq_s16_s32(vdupq_n_s32(word));
}

static inline void edgernn_matvec_raw_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                            int row_blocks, int column_groups) {
  const int16_t *const end = x + column_groups * 4;
  for (; row_blocks; --row_blocks, acc += 4, bias += 4) {
    int32x4_t first = vdupq_n_s32(0), second = first, third = first, fourth = first;
    for (const int16_t *column = x; column != end; column += 4, w += 16) {
      const int16x8_t even = edgernn_word_neon(column), odd = edgernn_word_neon(column + 2);
      const int8x16_t bytes = vld1q_s8(w);
      const int16x8_t high = vreinterpretq_s16_s8(bytes);
      const int16x8_t low = vreinterpretq_s16_s32(vshlq_n_s32(vreinterpretq_s32_s8(bytes), 8));
      first = vmlal_s16(first, vget_low_s16(high), vget_low_s16(odd));
      second = vmlal_high_s16(second, high, odd);
      third = vmlal_s16(third, vget_low_s16(low), vget_low_s16(even));
      fourth = vmlal_high_s16(fourth, low, even);
    }
    const int32x4_t rows = vpaddq_s32(vaddq_s32(first, third), vaddq_s32(second, fourth));
    vst1q_s32(acc, vaddq_s32(vld1q_s32(bias), rows));
  }
}

#else

/* The four 16-bit numbers of a row, times x. */
static inline int32_t edgernn_raw_row(const int8_t *w, int32_t x0, int32_t x1, int32_t x2, int32_t x3) {
  const uint32_t low = (uint32_t)(w[0] & 255) | (uint32_t)(w[1] & 255) << 8;
  const int32_t word = (int32_t)(low | (uint32_t)(w[2] & 255) << 16 | (uint32_t)(w[3] & 255) << 24);
  const int32_t shifted = (int32_t)((uint32_t)word << 8);
  return (int16_t)(shifted & 0xffff) * x0 + (shifted >> 16) * x1 + (int16_t)(word & 0xffff) * x2 + (word >> 16) * x3;
}

static inline void edgernn_matvec_raw_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                            int row_blocks, int column_groups) {
  const int16_t *const end = x + column_groups * 4;
  for (; row_blocks; --row_blocks, acc += 4, bias += 4) {
    int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    for (const int16_t *column = x; column != end; column += 4, w += 16) {
      const int32_t x0 = column[0], x1 = column[1], x2 = column[2], x3 = column[3];
      a0 += edgernn_raw_row(w, x0, x1, x2, x3);
      a1 += edgernn_raw_row(w + 4, x0, x1, x2, x3);
      a2 += edgernn_raw_row(w + 8, x0, x1, x2, x3);
      a3 += edgernn_raw_row(w + 12, x0, x1, x2, x3);
    }
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
  }
}

#endif
#endif
