/* SPDX-License-Identifier: Apache-2.0 */
/* edgernn_matvec_f32 for x86 with AVX-512: two columns of eight rows in one register. */
#ifndef EDGERNN_MATVEC_F32_AVX512_H
#define EDGERNN_MATVEC_F32_AVX512_H

#include <immintrin.h>

/* x[0] eight times, then x[1] eight times. */
static inline __m512 edgernn_pair_avx512(const float *x) {
  const __m512i spread = _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m128i both = _mm_loadl_epi64((const __m128i *)(const void *)x);
  return _mm512_permutexvar_ps(spread, _mm512_castsi512_ps(_mm512_broadcastq_epi64(both)));
}

/* Both columns' sums, the bias, and the last column if their number is odd. */
static inline void edgernn_finish_avx512(float *acc, const float *bias, __m512 sum, const float *w, const float *x,
                                         int columns) {
  const __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(sum), 1));
  __m256 total = _mm256_add_ps(_mm256_loadu_ps(bias), _mm256_add_ps(_mm512_castps512_ps256(sum), upper));
  if (columns % 2)
    total = _mm256_fmadd_ps(_mm256_loadu_ps(w + 8L * (columns - 1)), _mm256_set1_ps(x[columns - 1]), total);
  _mm256_storeu_ps(acc, total);
}

/* Block after block, reading the weights in one stream: the fastest where they come from the second level's cache. */
static inline void edgernn_matvec_f32_streamed(float *acc, const float *w, const float *bias, const float *x,
                                               int row_blocks, int columns) {
  for (; row_blocks > 0; --row_blocks, w += 8L * columns, acc += 8, bias += 8) {
    __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
    int column = 0;
    for (; column + 7 < columns; column += 8) {
      const float *const at = w + 8 * column;
      a = _mm512_fmadd_ps(_mm512_loadu_ps(at), edgernn_pair_avx512(x + column), a);
      b = _mm512_fmadd_ps(_mm512_loadu_ps(at + 16), edgernn_pair_avx512(x + column + 2), b);
      c = _mm512_fmadd_ps(_mm512_loadu_ps(at + 32), edgernn_pair_avx512(x + column + 4), c);
      d = _mm512_fmadd_ps(_mm512_loadu_ps(at + 48), edgernn_pair_avx512(x + column + 6), d);
    }
    for (; column + 1 < columns; column += 2)
      a = _mm512_fmadd_ps(_mm512_loadu_ps(w + 8 * column), edgernn_pair_avx512(x + column), a);
    a = _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));
    edgernn_finish_avx512(acc, bias, a, w, x, columns);
  }
}

static inline void edgernn_matvec_f32(float *acc, const float *w, const float *bias, const float *x, int row_blocks,
                                      int columns) {
  const long block = 8L * columns;
  if (32L * row_blocks * columns > 40000) { /* bytes; first-level caches hold 32 or 48 KiB */
    edgernn_matvec_f32_streamed(acc, w, bias, x, row_blocks, columns);
    return;
  }
  /* Eight row blocks at once: their sums hide each other's latency. */
  for (; row_blocks >= 8; row_blocks -= 8, w += 8 * block, acc += 64, bias += 64) {
    __m512 sum[8];
    for (int k = 0; k < 8; ++k) sum[k] = _mm512_setzero_ps();
    for (int column = 0; column + 1 < columns; column += 2) {
      const __m512 each = edgernn_pair_avx512(x + column);
      for (int k = 0; k < 8; ++k)
        sum[k] = _mm512_fmadd_ps(_mm512_loadu_ps(w + k * block + 8 * column), each, sum[k]);
    }
    for (int k = 0; k < 8; ++k) edgernn_finish_avx512(acc + 8 * k, bias + 8 * k, sum[k], w + k * block, x, columns);
  }
  for (; row_blocks >= 4; row_blocks -= 4, w += 4 * block, acc += 32, bias += 32) {
    __m512 sum[4];
    for (int k = 0; k < 4; ++k) sum[k] = _mm512_setzero_ps();
    for (int column = 0; column + 1 < columns; column += 2) {
      const __m512 each = edgernn_pair_avx512(x + column);
      for (int k = 0; k < 4; ++k)
        sum[k] = _mm512_fmadd_ps(_mm512_loadu_ps(w + k * block + 8 * column), each, sum[k]);
    }
    for (int k = 0; k < 4; ++k) edgernn_finish_avx512(acc + 8 * k, bias + 8 * k, sum[k], w + k * block, x, columns);
  }
  for (; row_blocks > 0; --row_blocks, w += block, acc += 8, bias += 8) {
    __m512 sum = _mm512_setzero_ps();
    for (int column = 0; column + 1 < columns; column += 2)
      sum = _mm512_fmadd_ps(_mm512_loadu_ps(w + 8 * column), edgernn_pair_avx512(x + column), sum);
    edgernn_finish_avx512(acc, bias, sum, w, x, columns);
  }
}

#endif
