use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

type Subs = Arc<Mutex<HashMap<SocketAddr, (String, TcpStream)>>>;

fn serve(stream: TcpStream, addr: SocketAddr, subs: &Subs) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let (role, topic) = match (lines.next(), lines.next()) {
        (Some(r), Some(t)) => (r?, t?),
        _ => return Ok(()),
    };
    println!("{addr} is a {role} of {topic}");
    if role == "SUBSCRIBER" {
        subs.lock().unwrap().insert(addr, (topic.clone(), stream));
    }
    for line in lines {
        let line = line?;
        if line == "terminate" {
            break;
        }
        println!("{addr}: {line}");
        if role == "PUBLISHER" {
            for (t, s) in subs.lock().unwrap().values_mut() {
                if *t == topic {
                    let _ = s.write_all(format!("{topic} -- {addr} -- {line}\n").as_bytes());
                }
            }
        }
    }
    Ok(())
}

fn main() {
    let port = std::env::args().nth(1).expect("usage: server PORT");
    let listener = TcpListener::bind(format!("0.0.0.0:{port}")).expect("cannot bind");
    println!("Listening on {port}");
    let subs: Subs = Arc::default();
    for stream in listener.incoming().flatten() {
        let subs = subs.clone();
        thread::spawn(move || {
            if let Ok(addr) = stream.peer_addr() {
                println!("{addr} connected");
                if let Err(e) = serve(stream, addr, &subs) {
                    eprintln!("{addr}: {e}");
                }
                subs.lock().unwrap().remove(&addr);
                println!("{addr} disconnected");
            }
        });
    }
}
