/* SPDX-License-Identifier: Apache-2.0 */
/* edgernn_matvec_s8s16 for x86 with AVX-512 VNNI: two column groups of four rows in one register. */
#ifndef EDGERNN_MATVEC_S8S16_AVX512_H
#define EDGERNN_MATVEC_S8S16_AVX512_H

#include <immintrin.h>
#include <stdint.h>

/* The 32 weights of a row block and two column groups as int16. */
static inline __m512i edgernn_weights_avx512(const int8_t *w) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)w));
}

/* Eight activations in the order of the weights, 0, 2, 1, 3 of each group, each group once for each row. */
static inline __m512i edgernn_columns_avx512(const int16_t *x) {
  const __m128i order = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
  const __m512i groups = _mm512_set_epi64(1, 1, 1, 1, 0, 0, 0, 0);
  const __m128i eight = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)x), order);
  return _mm512_permutexvar_epi64(groups, _mm512_castsi128_si512(eight));
}

/* The same of the last group, if their number is odd: reads no further, and meets no weights in the upper half. */
static inline __m512i edgernn_last_avx512(const int16_t *x) {
  const __m128i order = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 0, 1, 4, 5, 2, 3, 6, 7);
  return _mm512_broadcastq_epi64(_mm_shuffle_epi8(_mm_loadl_epi64((const __m128i *)(const void *)x), order));
}

static inline __m512i edgernn_last_weights_avx512(const int8_t *w) {
  const __m128i sixteen = _mm_loadu_si128((const __m128i *)(const void *)w);
  return _mm512_zextsi256_si512(_mm256_cvtepi8_epi16(sixteen));
}

/* Adds the four parts of each row's sum, for two row blocks. */
static inline void edgernn_rows_avx512(int32_t *acc, const int32_t *bias, __m512i first, __m512i second) {
  const __m256i a = _mm256_add_epi32(_mm512_castsi512_si256(first), _mm512_extracti64x4_epi64(first, 1));
  const __m256i b = _mm256_add_epi32(_mm512_castsi512_si256(second), _mm512_extracti64x4_epi64(second, 1));
  const __m256i rows = _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8);
  const __m256i start = _mm256_loadu_si256((const __m256i *)(const void *)bias);
  _mm256_storeu_si256((__m256i *)(void *)acc, _mm256_add_epi32(rows, start));
}

static inline void edgernn_matvec_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                        int row_blocks, int column_groups) {
  const long block = 16L * column_groups; /* bytes of a row block */
  const int pairs = column_groups / 2;
  /* Eight row blocks share what is done to the activations, and their sums hide each other's latency. */
  for (; row_blocks >= 8; row_blocks -= 8, w += 8 * block, acc += 32, bias += 32) {
    __m512i sum[8];
    for (int k = 0; k < 8; ++k) sum[k] = _mm512_setzero_si512();
    for (int pair = 0; pair < pairs; ++pair) {
      const __m512i eight = edgernn_columns_avx512(x + 8 * pair);
      for (int k = 0; k < 8; ++k)
        sum[k] = _mm512_dpwssd_epi32(sum[k], edgernn_weights_avx512(w + k * block + 32 * pair), eight);
    }
    if (column_groups % 2) {
      const __m512i four = edgernn_last_avx512(x + 8 * pairs);
      for (int k = 0; k < 8; ++k)
        sum[k] = _mm512_dpwssd_epi32(sum[k], edgernn_last_weights_avx512(w + k * block + 32 * pairs), four);
    }
    for (int k = 0; k < 8; k += 2) edgernn_rows_avx512(acc + 4 * k, bias + 4 * k, sum[k], sum[k + 1]);
  }
  for (; row_blocks > 0; --row_blocks, w += block, acc += 4, bias += 4) {
    __m512i sum = _mm512_setzero_si512();
    for (int pair = 0; pair < pairs; ++pair)
      sum = _mm512_dpwssd_epi32(sum, edgernn_weights_avx512(w + 32 * pair), edgernn_columns_avx512(x + 8 * pair));
    if (column_groups % 2)
      sum = _mm512_dpwssd_epi32(sum, edgernn_last_weights_avx512(w + 32 * pairs), edgernn_last_avx512(x + 8 * pairs));
    const __m256i parts = _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
    const __m256i rows = _mm256_permute4x64_epi64(_mm256_hadd_epi32(parts, parts), 0xd8);
    const __m128i start = _mm_loadu_si128((const __m128i *)(const void *)bias);
    _mm_storeu_si128((__m128i *)(void *)acc, _mm_add_epi32(_mm256_castsi256_si128(rows), start));
  }
}

#endif
