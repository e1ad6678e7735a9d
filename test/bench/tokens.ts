/** Access tokens of 162 characters. LINE's have about the same length. */

const numberDigits = 12

export const tokenPrefix =
  `eyJhbGciOiJIUzI1NiJ9.${'c4QzVn8sJkPz1mXwLr0TdYb5GuHaEoRfWiNqKv7tCx9BeMj2DgU6ZpSlOyFhIA'.repeat(3)}`.slice(
    0,
    162 - numberDigits,
  )

export function tokenAt(number: number): string {
  return tokenPrefix + String(number).padStart(numberDigits, '0')
}
