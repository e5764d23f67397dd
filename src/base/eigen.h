/* eigen.h: eigenvectors of a small symmetric matrix, small systems, orthonormal columns. */
#ifndef HETA_BASE_EIGEN_H
#define HETA_BASE_EIGEN_H

#include <stddef.h>

/* Cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, §8.5). a: [size × size],
 * symmetric, destroyed: its diagonal becomes the eigenvalues. vectors: [size × size], column k the
 * eigenvector of a[k][k]. Unordered. The same bits for the same input. */
void heta_i_eigen(size_t size, double *a, double *vectors);

/* x of the positive definite system a x = b by Gaussian elimination without pivoting; a and b are
 * destroyed, b becomes x. A pivot that is not positive leaves its unknown 0. */
void heta_i_solve(size_t size, double *a, double *b);

/* Makes columns [count × size], one after the other, orthonormal in place; one that lies in the
 * span of those before it becomes 0. */
void heta_i_orthonormal(double *columns, size_t count, size_t size);

#endif
