/* SPDX-License-Identifier: Apache-2.0 */
/* edgernn_matvec_s8s16 for AVX2, for the dot-product instructions of AVX-VNNI and AVX-512 VNNI, and for any x86-64. */
#ifndef EDGERNN_MATVEC_S8S16_X86_H
#define EDGERNN_MATVEC_S8S16_X86_H

#include <stdint.h>

#ifdef __AVX2__
#include <immintrin.h>

/* sum + pairwise products; exact, since a weight and an activation are never both -32768. */
static inline __m256i edgernn_dot_x86(__m256i sum, __m256i w, __m256i x) {
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
  return _mm256_dpwssd_epi32(sum, w, x);
#elif defined(__AVXVNNI__)
  return _mm256_dpwssd_avx_epi32(sum, w, x);
#else
  return _mm256_add_epi32(sum, _mm256_madd_epi16(w, x));
#endif
}

/* The 16 weights of a row block and column group as int16: four rows, four columns in the order 0, 2, 1, 3. */
static inline __m256i edgernn_weights_x86(const int8_t *w) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
}

/* Four activations in the order of the weights, once for each row. */
static inline __m256i edgernn_column_x86(const int16_t *x) {
  const __m128i order = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 0, 1, 4, 5, 2, 3, 6, 7);
  return _mm256_broadcastsi128_si256(_mm_shuffle_epi8(_mm_loadl_epi64((const __m128i *)(const void *)x), order));
}

/* Adds the two halves of each row's sum, for two row blocks. */
static inline void edgernn_rows_x86(int32_t *acc, const int32_t *bias, __m256i first, __m256i second) {
  const __m256i rows = _mm256_permute4x64_epi64(_mm256_hadd_epi32(first, second), 0xd8);
  const __m256i start = _mm256_loadu_si256((const __m256i *)(const void *)bias);
  _mm256_storeu_si256((__m256i *)(void *)acc, _mm256_add_epi32(rows, start));
}

static inline void edgernn_matvec_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                        int row_blocks, int column_groups) {
  const int16_t *const end = x + column_groups * 4;
  const long block = 16L * column_groups; /* bytes of a row block */
  const __m256i zero = _mm256_setzero_si256();
  /* Six row blocks share what is done to the activations, and their sums hide each other's latency. */
  for (; row_blocks >= 6; row_blocks -= 6, w += 5 * block, acc += 24, bias += 24) {
    __m256i a = zero, b = zero, c = zero, d = zero, e = zero, f = zero;
    for (const int16_t *column = x; column != end; column += 4, w += 16) {
      const __m256i four = edgernn_column_x86(column);
      a = edgernn_dot_x86(a, edgernn_weights_x86(w), four);
      b = edgernn_dot_x86(b, edgernn_weights_x86(w + block), four);
      c = edgernn_dot_x86(c, edgernn_weights_x86(w + 2 * block), four);
      d = edgernn_dot_x86(d, edgernn_weights_x86(w + 3 * block), four);
      e = edgernn_dot_x86(e, edgernn_weights_x86(w + 4 * block), four);
      f = edgernn_dot_x86(f, edgernn_weights_x86(w + 5 * block), four);
    }
    edgernn_rows_x86(acc, bias, a, b);
    edgernn_rows_x86(acc + 8, bias + 8, c, d);
    edgernn_rows_x86(acc + 16, bias + 16, e, f);
  }
  for (; row_blocks >= 2; row_blocks -= 2, w += block, acc += 8, bias += 8) {
    __m256i a = zero, b = zero;
    for (const int16_t *column = x; column != end; column += 4, w += 16) {
      const __m256i four = edgernn_column_x86(column);
      a = edgernn_dot_x86(a, edgernn_weights_x86(w), four);
      b = edgernn_dot_x86(b, edgernn_weights_x86(w + block), four);
    }
    edgernn_rows_x86(acc, bias, a, b);
  }
  if (row_blocks) {
    __m256i a = zero;
    for (const int16_t *column = x; column != end; column += 4, w += 16)
      a = edgernn_dot_x86(a, edgernn_weights_x86(w), edgernn_column_x86(column));
    a = _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, a), 0xd8);
    const __m128i start = _mm_loadu_si128((const __m128i *)(const void *)bias);
    _mm_storeu_si128((__m128i *)(void *)acc, _mm_add_epi32(_mm256_castsi256_si128(a), start));
  }
}

#else
#include <emmintrin.h>

static inline void edgernn_matvec_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                        int row_blocks, int column_groups) {
  const int16_t *const end = x + column_groups * 4;
  for (; row_blocks; --row_blocks, acc += 4, bias += 4) {
    __m128i first = _mm_loadu_si128((const __m128i *)(const void *)bias), second = _mm_setzero_si128();
    for (const int16_t *column = x; column != end; column += 4, w += 16) {
      const __m128i four = _mm_loadl_epi64((const __m128i *)(const void *)column);
      const __m128i all = _mm_loadu_si128((const __m128i *)(const void *)w);
      const __m128i low = _mm_srai_epi16(_mm_slli_epi16(all, 8), 8), high = _mm_srai_epi16(all, 8);
      first = _mm_add_epi32(first, _mm_madd_epi16(low, _mm_shuffle_epi32(four, 0x00)));
      second = _mm_add_epi32(second, _mm_madd_epi16(high, _mm_shuffle_epi32(four, 0x55)));
    }
    _mm_storeu_si128((__m128i *)(void *)acc, _mm_add_epi32(first, second));
  }
}

#endif
#endif
