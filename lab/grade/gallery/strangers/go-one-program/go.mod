module middleware

go 1.20
