use std::io::{stdin, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::{env, process, thread};

fn main() {
    let args: Vec<String> = env::args().collect();
    if args.len() != 5 {
        eprintln!("usage: client HOST PORT ROLE TOPIC");
        process::exit(2);
    }
    let mut stream = match TcpStream::connect(format!("{}:{}", args[1], args[2])) {
        Ok(s) => s,
        Err(e) => {
            eprintln!("cannot connect: {e}");
            process::exit(1);
        }
    };
    write!(stream, "{}\n{}\n", args[3], args[4]).unwrap();
    let reader = BufReader::new(stream.try_clone().unwrap());
    thread::spawn(move || {
        for line in reader.lines().flatten() {
            println!("{line}");
        }
    });
    for line in stdin().lock().lines().flatten() {
        if writeln!(stream, "{line}").is_err() {
            break;
        }
        if line == "terminate" {
            let fault = env::var("FAULT").unwrap_or_default();
            process::exit(if fault == "client-exits-1" { 1 } else { 0 });
        }
    }
}
