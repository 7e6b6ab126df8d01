"""What Auth0's hooks are given and what they answer, whoever runs them."""
